using System.Net;
using System.Text;
using Microsoft.Extensions.Primitives;
using Postern.Identity;
using Postern.Identity.ApiKeys;

namespace Postern.Tests.Identity;

public sealed class CredentialTests
{
    private const string Jwt = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.AAAA";

    [Theory]
    [InlineData("Bearer " + Jwt, CredentialShape.Jwt)]
    [InlineData("bearer " + Jwt, CredentialShape.Jwt)]
    [InlineData("Bearer pst_anything", CredentialShape.ApiKey)]
    [InlineData("Bearer 2YotnFZFEjr1zCsicMWpAA", CredentialShape.Opaque)]
    [InlineData("Bearer ya29.a0AfH6SMBx", CredentialShape.Opaque)]
    public void Read_TellsShapesApart(string authorization, object shape) =>
        Assert.Equal((CredentialShape)shape, Credential.Read(authorization, null)!.Shape);

    [Theory]
    [InlineData("Bearer ")]
    [InlineData("Bearer  two")]
    [InlineData("Bearer a b")]
    [InlineData("Bearer grün")]
    [InlineData("Digest username=\"a\"")]
    [InlineData("2YotnFZFEjr1zCsicMWpAA")]
    [InlineData("Basic !!!")]
    [InlineData("Basic bm9jb2xvbg==")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.e30")]
    [InlineData("Bearer eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA")]
    public void Read_WhatIsNoCredential_IsNull(string authorization) => Assert.Null(Credential.Read(authorization, null));

    [Fact]
    public void Read_Twice_IsNull() => Assert.Null(Credential.Read(new StringValues(["Bearer a", "Bearer a"]), null));

    [Theory]
    [InlineData("")]
    [InlineData("prefect")]
    [InlineData("any name")]
    public void Read_Basic_TakesTheTokenFromThePassword(string user)
    {
        var key = ApiKeyText.Create().Text;
        var credential = Credential.Read("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{user}:{key}")), IPAddress.Loopback)!;

        Assert.Equal((CredentialShape.ApiKey, key), (credential.Shape, credential.Token));
        Assert.DoesNotContain(key, credential.ToString(), StringComparison.Ordinal);
    }
}
