// Package callerassertion makes workflow and activity code know who called.
//
//	verifier, err := callerassertion.NewVerifier(ctx, "http://postern:7238/caller", "")
//	w := worker.New(c, "payments", worker.Options{Interceptors: []interceptor.WorkerInterceptor{callerassertion.NewInterceptor(verifier)}})
//	w.RegisterActivityWithOptions(verifier.Verify, activity.RegisterOptions{Name: callerassertion.VerifyActivity})
package callerassertion

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

const (
	// Header is the key under which the gate writes its assertion.
	Header = "postern-caller"
	// VerifyActivity is the local activity with which workflow code has it verified.
	VerifyActivity = "VerifyPosternCaller"

	skew = time.Minute
)

// Caller is who made a call, as the gate verified it.
type Caller struct {
	Name, Kind, Method, CallID string
	// Inherited: started not this workflow but the one that started it.
	Inherited bool
}

// Binding is where an assertion was found: it proves something there alone.
type Binding struct {
	Namespace, WorkflowID             string
	ParentNamespace, ParentWorkflowID string
	// At is when the call happened: the workflow's start.
	At time.Time
}

type claims struct {
	jwt.RegisteredClaims
	Kind       string `json:"kind"`
	Method     string `json:"method"`
	Namespace  string `json:"namespace"`
	WorkflowID string `json:"workflow_id"`
	ScheduleID string `json:"schedule_id"`
}

// Verifier verifies assertions against the gate's keys.
type Verifier struct {
	keys   keyfunc.Keyfunc
	issuer string
}

// NewVerifier fetches the key set now, and again for keys that it lacks. The issuer is "postern/" and the engine's name; empty where the gate serves one engine.
func NewVerifier(ctx context.Context, keySet, issuer string) (*Verifier, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{keySet})
	if err != nil {
		return nil, err
	}
	return &Verifier{keys, issuer}, nil
}

// Verify returns nil where the assertion proves nothing.
func (v *Verifier) Verify(_ context.Context, assertion string, binding Binding) (*Caller, error) {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("postern-caller"), jwt.WithExpirationRequired(), jwt.WithLeeway(skew),
		// Not against the clock: what counts is when the call happened.
		jwt.WithTimeFunc(func() time.Time { return binding.At }),
	}
	if v.issuer != "" {
		options = append(options, jwt.WithIssuer(v.issuer))
	}
	var c claims
	token, err := jwt.ParseWithClaims(assertion, &c, v.keys.Keyfunc, options...)
	if errors.Is(err, jwt.ErrTokenUnverifiable) {
		// A key that isn't known here: made up, or the gate can't be asked for it. Tried again.
		return nil, err
	}
	if err != nil || token.Header["typ"] != "postern-caller+jwt" || c.Subject == "" || c.WorkflowID == "" {
		return nil, nil
	}
	of := func(namespace, id string) bool {
		// A schedule's workflows are named by the id that it gives and, behind a dash, their time.
		return namespace == c.Namespace && (id == c.WorkflowID || (c.ScheduleID != "" && strings.HasPrefix(id, c.WorkflowID+"-")))
	}
	own := of(binding.Namespace, binding.WorkflowID)
	if !own && !of(binding.ParentNamespace, binding.ParentWorkflowID) {
		return nil, nil
	}
	return &Caller{Name: c.Subject, Kind: c.Kind, Method: c.Method, CallID: c.ID, Inherited: !own}, nil
}

type callerKey struct{}
type assertionKey struct{}

// FromWorkflow says who started this workflow; nil where nobody is proven.
func FromWorkflow(ctx workflow.Context) *Caller {
	caller, _ := ctx.Value(callerKey{}).(*Caller)
	return caller
}

// FromActivity says who started the activity's workflow; nil where nobody is proven.
func FromActivity(ctx context.Context) *Caller {
	caller, _ := ctx.Value(callerKey{}).(*Caller)
	return caller
}

// NewInterceptor offers callers to workflow and activity code, and hands assertions on to activities and children.
func NewInterceptor(verifier *Verifier) interceptor.WorkerInterceptor {
	return &workerInterceptor{verifier: verifier}
}

type workerInterceptor struct {
	interceptor.WorkerInterceptorBase
	verifier *Verifier
}

func (w *workerInterceptor) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &workflowInbound{}
	in.Next = next
	return in
}

func (w *workerInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	in := &activityInbound{verifier: w.verifier}
	in.Next = next
	return in
}

type activityInbound struct {
	interceptor.ActivityInboundInterceptorBase
	verifier *Verifier
}

func (a *activityInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (interface{}, error) {
	info := activity.GetInfo(ctx)
	if token := tokenIn(interceptor.Header(ctx)[Header]); token != "" && !info.IsLocalActivity {
		caller, err := a.verifier.Verify(ctx, token, Binding{Namespace: info.WorkflowNamespace, WorkflowID: info.WorkflowExecution.ID, At: time.Now()})
		if err != nil {
			return nil, err
		}
		ctx = context.WithValue(ctx, callerKey{}, caller)
	}
	return a.Next.ExecuteActivity(ctx, in)
}

type workflowInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (w *workflowInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	out := &workflowOutbound{}
	out.Next = outbound
	return w.Next.Init(out)
}

func (w *workflowInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (interface{}, error) {
	payload := interceptor.WorkflowHeader(ctx)[Header]
	token := tokenIn(payload)
	// Workflows that ran before this interceptor came have no such local activity in their history.
	if token != "" && workflow.GetVersion(ctx, "postern-caller", workflow.DefaultVersion, 1) == 1 {
		info := workflow.GetInfo(ctx)
		binding := Binding{Namespace: info.Namespace, WorkflowID: info.WorkflowExecution.ID, At: info.WorkflowStartTime}
		if parent := info.ParentWorkflowExecution; parent != nil {
			binding.ParentNamespace, binding.ParentWorkflowID = info.ParentWorkflowNamespace, parent.ID
		}
		local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 10 * time.Second})
		var caller *Caller
		if err := workflow.ExecuteLocalActivity(local, VerifyActivity, token, binding).Get(ctx, &caller); err != nil {
			return nil, err
		}
		ctx = workflow.WithValue(workflow.WithValue(ctx, callerKey{}, caller), assertionKey{}, payload)
	}
	return w.Next.ExecuteWorkflow(ctx, in)
}

type workflowOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (w *workflowOutbound) ExecuteActivity(ctx workflow.Context, activityType string, args ...interface{}) workflow.Future {
	handOn(ctx)
	return w.Next.ExecuteActivity(ctx, activityType, args...)
}

func (w *workflowOutbound) ExecuteChildWorkflow(ctx workflow.Context, childWorkflowType string, args ...interface{}) workflow.ChildWorkflowFuture {
	handOn(ctx)
	return w.Next.ExecuteChildWorkflow(ctx, childWorkflowType, args...)
}

func (w *workflowOutbound) NewContinueAsNewError(ctx workflow.Context, wfn interface{}, args ...interface{}) error {
	handOn(ctx)
	return w.Next.NewContinueAsNewError(ctx, wfn, args...)
}

func handOn(ctx workflow.Context) {
	if payload, ok := ctx.Value(assertionKey{}).(*commonpb.Payload); ok {
		interceptor.WorkflowHeader(ctx)[Header] = payload
	}
}

// tokenIn is the token in a payload; anybody may have written it: it says nothing before it is verified.
func tokenIn(payload *commonpb.Payload) string {
	var token string
	if payload == nil || json.Unmarshal(payload.GetData(), &token) != nil {
		return ""
	}
	return token
}
