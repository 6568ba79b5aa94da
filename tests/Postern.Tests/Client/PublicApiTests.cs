using System.Reflection;
using Postern.Client;
using Postern.Tests.Configuration;

namespace Postern.Tests.Client;

/// <summary>What workers compile against changes only on purpose: the list beside the sources is the library's public face.</summary>
public sealed class PublicApiTests
{
    private const string File = "src/Postern.Client/PublicApi.txt";

    [Fact]
    public void PublicApi_IsAsWritten()
    {
        var lines = typeof(PosternTokenSource).Assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).SelectMany(Describe).ToList();
        if (Environment.GetEnvironmentVariable("POSTERN_WRITE_DOCS") == "1")
        {
            System.IO.File.WriteAllLines(Repository.Path(File), lines);
        }

        Assert.Equal(System.IO.File.ReadAllLines(Repository.Path(File)), lines);
    }

    private static IEnumerable<string> Describe(Type type)
    {
        yield return $"{type.FullName} : {type.BaseType?.Name}{(type.IsSealed ? " sealed" : "")}";
        const BindingFlags Own = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (var line in type.GetMembers(Own).Where(IsVisible).Select(member => $"  {member.MemberType} {Text(member)}").Order(StringComparer.Ordinal))
        {
            yield return line;
        }
    }

    private static bool IsVisible(MemberInfo member) => member switch
    {
        MethodBase method => (method.IsPublic || method.IsFamily) && !(method.IsSpecialName && method is MethodInfo),
        PropertyInfo property => property.GetMethod?.IsPublic == true || property.SetMethod?.IsPublic == true,
        FieldInfo field => field.IsPublic,
        _ => false,
    } && !member.Name.Contains('<', StringComparison.Ordinal);

    private static string Text(MemberInfo member) => member is PropertyInfo property
        ? $"{property} {{ get;{(property.SetMethod?.IsPublic == true ? " set;" : "")} }}"
        : member.ToString()!;
}
